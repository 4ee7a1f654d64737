"""What was taken down leaves the edge before its passes end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from galleries.distribution import _good, key_problem
from galleries.invalidating import send_invalidations
from galleries.models import Gallery, Invalidation
from galleries.moderation import take_down
from galleries.passes import Addresses
from tests.aws.keys import key_pair
from tests.faults.web import ask
from tests.pictures import store_image

if TYPE_CHECKING:
    from pytest_django import Settings

    from deploy.emulator.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud"), pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("on_cloud")
def test_a_picture_that_was_taken_down_leaves_the_edge_with_the_invalidation(cloud: Cloud, gallery: Gallery) -> None:
    image, now = store_image(gallery), timezone.now()
    address = Addresses(Gallery.objects.measured(now).get(), now, None).rendition(image, "preview")
    assert [ask(address).status for _ in range(2)] == [200, 200]
    take_down([image], now)
    assert ask(address).status == 200, "its pass still holds, and the edge has it"
    assert Invalidation.objects.count() == 1
    assert send_invalidations(now + timedelta(minutes=1)) == 1
    cloud.edge.follow_invalidations()
    assert ask(address).status in {403, 404}
    assert not Invalidation.objects.exists()


@pytest.mark.usefixtures("on_cloud")
def test_a_key_that_cloudfront_does_not_know_is_named(settings: Settings) -> None:
    _good.clear()
    assert key_problem() == ""
    settings.CLOUDFRONT_PRIVATE_KEY = key_pair("another")[0]
    assert key_problem() == "CLOUDFRONT_PRIVATE_KEY does not belong to CLOUDFRONT_KEY_ID."
    settings.CLOUDFRONT_KEY_ID = "K0"
    assert key_problem() == "CLOUDFRONT_KEY_ID names nothing that exists in AWS_REGION."
