"""The REST API under ``/api/v1``: the same access functions, forms and verbs as the pages."""
