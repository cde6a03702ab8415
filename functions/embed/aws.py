"""The embed function on AWS Lambda (docs/deploy-lambda.md)."""

from events.aws.handler import EventHandler
from functions.embed.main import create_app

handler = EventHandler("embed", create_app)
