"""
Names, options and help of our commands, grouped by purpose.

Airflow imports these files whenever ``airflow`` starts: they may import Airflow's `cli_config` and `cli.output`
alone, and name the function of a command as text.
"""
