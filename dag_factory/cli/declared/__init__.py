"""
Names, options and help of our commands, by what one wants to do.

Airflow imports these files whenever ``airflow`` starts: they may import Airflow's `cli_config` and `cli.output`
alone, and name the function of a command as text.
"""
