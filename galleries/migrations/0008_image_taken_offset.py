from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("galleries", "0007_gallery_by_cover"),
    ]

    operations = [
        migrations.AddField(
            model_name="image",
            name="taken_offset",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
    ]
