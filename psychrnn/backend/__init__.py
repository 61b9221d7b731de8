"""Networks that learn, and everything their training needs."""
