"""Measures the site beside physical limits made in the same run; README.md says how to run and read it."""
