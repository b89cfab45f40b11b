"""The dashboard."""
from flask import Blueprint
blueprint = Blueprint("sandbox_dashboard", __name__)
