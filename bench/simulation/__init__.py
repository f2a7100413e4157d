"""Simulate a burst of tenants in virtual time: the product's own writers against AWS's quotas.

    clock     the virtual clock, which runs on inside of a call too
    services  Route 53 and CloudFront as boto3 clients that hold their callers to the quotas
    product   what the shipped template, state machine and writers say: retries, batch sizes, limits, rates
    burst     the way of N tenants through the state machine

What the product decides (which requests share a call, when it may go, how a refused one is split, what is planned) is
decided here by the product's own code: ``tenancy.domain.batching.steps`` and the ``write`` of each writer. What only
takes time (functions, tables, streams, propagation) is modelled, with the seconds in ``product.Timings``.
"""
