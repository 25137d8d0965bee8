"""Watching the config store's folder, so that what people change there by hand shows in Airflow at once."""
