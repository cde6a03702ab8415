"""The sources function on AWS Lambda (docs/deploy-lambda.md)."""

from functions.sources.main import create_app
from shared.aws.http import HttpHandler

handler = HttpHandler(create_app)
