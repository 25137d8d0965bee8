"""Does Airflow accept a DAG? One that it refuses would be an import error of the whole file, and stop all DAGs."""

from __future__ import annotations

from airflow import settings as airflow_settings
from airflow.exceptions import AirflowClusterPolicySkipDag
from airflow.sdk import DAG

from dag_factory.dag.builder import build
from dag_factory.dag.plan import PlaceholderPlan, Plan
from dag_factory.errors import ConfigError
from dag_factory.settings.airflow_versions import has_cluster_policies, has_executor


def accepted(plan: Plan | PlaceholderPlan) -> DAG:
    """
    Return the DAG of a plan, if Airflow accepts it.

    :raises ConfigError: where a cluster policy refuses it
    :raises Exception: Airflow's own, where its checks fail
    """
    dag = build(plan)
    dag.validate()
    _ask_cluster_policies(plan)
    return dag


def accepted_again(plan: Plan) -> DAG:
    """
    Return the DAG of a plan that has been accepted before, by the same versions of Airflow and of this package.

    Only what may have changed since is asked again: cluster policies, which are code, and Airflow's executors.

    :raises ConfigError: where a cluster policy refuses it now, or its executor is missing
    """
    dag = build(plan)
    executor = plan.placement.get("executor")
    if executor is not None and not has_executor(executor):
        raise ConfigError(f"Airflow has no executor '{executor}' any more")
    _ask_cluster_policies(plan)
    return dag


def _ask_cluster_policies(plan: Plan | PlaceholderPlan) -> None:
    if not has_cluster_policies():
        return
    # Policies may change the DAG that they get, and Airflow calls them again: so they get a separate DAG here.
    dag = build(plan)
    try:
        airflow_settings.dag_policy(dag)
        for task in dag.tasks:
            airflow_settings.task_policy(task)
    except AirflowClusterPolicySkipDag:
        # Airflow leaves it out, as the policy asks.
        return
    except Exception as error:
        raise ConfigError(f"a cluster policy refuses the DAG: {error}") from error
