"""The plain page beside which a gallery's page is measured: a small Django site in the same gunicorn configuration."""
