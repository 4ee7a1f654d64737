"""What ``run.py`` does: set up .venv, start the site, run tests and checks.

Standard library only (a test holds that wall): these modules run before anything is installed.
"""
