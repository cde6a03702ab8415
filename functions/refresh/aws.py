"""The refresh function on AWS Lambda (docs/deploy-lambda.md); a schedule tells it to sweep."""

from events.aws.handler import EventHandler
from functions.refresh.main import create_app

handler = EventHandler("refresh", create_app, scheduled_path="/sweep")
