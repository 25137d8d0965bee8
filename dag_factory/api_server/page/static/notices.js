/** What stands where pipelines would: why there are none, or why they can't be shown, and what to do. */

import { element, link } from "./elements.js";
import { icon } from "./icons.js";
import { shownAddress } from "./airflow_frame.js";

// The one of the README.
const EXAMPLE = `name: orders_metadata
pipelineType: metadata
service: {type: databaseService, name: orders}
sourceConfig: {config: {type: DatabaseMetadata}}
openMetadataServerConnection:
  hostPort: https://openmetadata.example.com/api
  authProvider: openmetadata
  securityConfig: {jwtToken: {$connection: openmetadata, field: password}}
airflowConfig: {scheduleInterval: 0 3 * * *, pipelineTimezone: Europe/Berlin}
`;

/** @returns {HTMLElement} */
export function loggedOut() {
  const login = new URL("../api/v2/auth/login", document.baseURI);
  login.searchParams.set("next", shownAddress());
  return notice("You are not logged in", "Log in to Airflow to see its pipelines.", link(login.href, { class: "button solid" }, "Log in"));
}

/**
 * @param {import("./server.js").Refused} refusal
 * @param {() => void} again
 * @returns {HTMLElement}
 */
export function refused(refusal, again) {
  if (refusal.status === 401) return loggedOut();
  if (refusal.status === 403) {
    return notice("You may not see this", `${refusal.message} Ask an admin of this Airflow for the right to read DAGs.`);
  }
  const retry = element("button", { type: "button", onclick: again }, icon("refresh"), "Retry now");
  const title = refusal.status ? "The pipelines can’t be shown" : "Airflow’s API server does not answer";
  return notice(title, `${refusal.message} This page retries every 30 seconds.`, retry);
}

/** @returns {HTMLElement} */
export function noPipelines() {
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No pipelines yet"),
    element("p", {}, "Here is how to add one:"),
    element(
      "ul",
      {},
      element("li", {}, "Deploy an ingestion pipeline in OpenMetadata: it arrives here within seconds."),
      element(
        "li",
        {},
        "Or put a file into the config store, such as ",
        element("code", {}, "orders.yaml"),
        ":",
        element("pre", {}, EXAMPLE),
        "and check it with ",
        element("code", {}, "openmetadata-dag-factory validate"),
        ".",
      ),
    ),
    element("p", { class: "quiet" }, "Pipelines that you may not see are not listed."),
  );
}

/** @returns {HTMLElement} */
export function nothingMatches(/** @type {string} */ words, /** @type {() => void} */ clear) {
  const button = element("button", { type: "button", onclick: clear }, "Clear filters");
  return notice("No pipeline matches", `The filters are: ${words}.`, button);
}

/** @returns {HTMLElement} */
export function noPipeline(/** @type {string} */ dagId) {
  return notice("Not a pipeline of OpenMetadata", `The DAG “${dagId}” is not made from a config of the config store.`);
}

function notice(/** @type {string} */ title, /** @type {string} */ text, /** @type {Node[]} */ ...children) {
  return element("div", { class: "notice" }, element("h2", {}, title), element("p", {}, text), ...children);
}
