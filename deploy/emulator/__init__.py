"""An AWS on this machine for ``run.py aws`` and for tests: the template's stack in an emulator, with what stands in for
CloudFront and for the instance's credentials. No part of the site imports it."""
