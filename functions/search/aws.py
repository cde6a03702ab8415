"""The search function on AWS Lambda (docs/deploy-lambda.md)."""

from functions.search.main import create_app
from shared.aws.http import HttpHandler

handler = HttpHandler(create_app)
