/** Begins here: shows the list of all pipelines, or, at the address `pipeline?dag_id=…`, one of them. */

import { followLinksInAirflow } from "./airflow_frame.js";
import { showList } from "./list.js";
import { showPipeline } from "./pipeline.js";

const page = /** @type {HTMLElement} */ (document.getElementById("page"));

followLinksInAirflow();
if (location.pathname.endsWith("/pipeline")) {
  showPipeline(page, new URLSearchParams(location.search).get("dag_id") ?? "");
} else {
  showList(page);
}
