"""
Tries this package with each version of Airflow and Python that it claims to run with: ``.ci/matrix``.

A *cell* is one of these pairs; `cells` has the table of all. Each has an environment of its own in ``.cells/``, of the
versions that its constraints file pins, which is built again only when something of it changes. It is then looked at in
five ways (`looks`), and the results stand in docs/versions.md (`results`).

The program itself runs on a bare Python: it needs the standard library, and installs uv for itself.
"""
