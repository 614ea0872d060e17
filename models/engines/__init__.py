"""Database clients of Tortoise, changed where the stock ones lose data or block."""
