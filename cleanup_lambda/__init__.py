"""What the site and the Lambda share, free of Django: key grammar, record shape, and the sweep."""
