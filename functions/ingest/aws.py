"""The ingest function on AWS Lambda (docs/deploy-lambda.md)."""

from functions.ingest.main import create_app
from shared.aws.http import HttpHandler

handler = HttpHandler(create_app)
