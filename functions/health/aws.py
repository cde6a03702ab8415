"""The health function on AWS Lambda (docs/deploy-lambda.md)."""

from functions.health.main import create_app
from shared.aws.http import HttpHandler

handler = HttpHandler(create_app)
