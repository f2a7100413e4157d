"""The product stands on this: AWS clients, the environment, the clock, Step Functions, values of DynamoDB."""
