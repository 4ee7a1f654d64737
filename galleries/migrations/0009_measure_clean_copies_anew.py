from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def forget_measures(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Clean copies are made anew by a stripper that takes more away: what was measured of those before is no longer
    their size. What is stored as it goes out keeps its measure."""
    images = apps.get_model("galleries", "Image")._default_manager
    images.exclude(clean_bytes=None).exclude(clean_bytes=F("bytes")).update(clean_bytes=None, clean_crc32=None)


class Migration(migrations.Migration):
    dependencies = [
        ("galleries", "0008_image_taken_offset"),
    ]

    operations = [
        migrations.RunPython(forget_measures, migrations.RunPython.noop),
    ]
