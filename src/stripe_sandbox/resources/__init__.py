"""The API's resources: each module declares its routes, their parameters and their handlers."""
