from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("galleries", "0006_image_taken_down"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="gallery",
            index=models.Index(condition=models.Q(("cover__isnull", False)), fields=["cover"], name="gallery_by_cover"),
        ),
    ]
