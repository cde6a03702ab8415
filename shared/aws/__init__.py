"""Running functions on AWS Lambda; imported by functions/*/aws.py alone, never by a server."""
