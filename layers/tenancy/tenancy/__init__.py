"""The shared package of Fluxion's tenant control plane.

A pure core (``model``, ``hostnames``, ``plan``, ``batching``, ``events``, ``errors``, ``messages``, ``probe_token``)
stands under thin adapters, and those under one stage wrapper. Imports go one way: functions, stage, adapters, core.
"""
