"""CloudFormation: events about stacks."""
