"""The extract function on AWS Lambda (docs/deploy-lambda.md)."""

from events.aws.handler import EventHandler
from functions.extract.main import create_app

handler = EventHandler("extract", create_app)
