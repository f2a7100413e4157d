"""What the product stands on: AWS clients, the environment, the clock, Step Functions, values of DynamoDB."""
