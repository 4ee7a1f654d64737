from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("galleries", "0005_invalidation"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("taken_down_at__isnull", False)), fields=["gallery"], name="image_taken_down"
            ),
        ),
    ]
