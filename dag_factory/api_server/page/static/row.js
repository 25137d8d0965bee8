/** One pipeline as a row of the table, with a second row for what is wrong with its config or its last run. */

import { failureText, historyBars, problemText, runDisc, stateBadge } from "./badges.js";
import { element, link } from "./elements.js";
import { icon } from "./icons.js";
import { ago, counted, duration } from "./times.js";

/**
 * @typedef {import("./server.js").Pipeline} Pipeline
 * @typedef {{isSelected: (dagId: string) => boolean, select: (dagId: string, on: boolean) => void,
 *   onlyService: (service: string) => void, setPaused: (pipeline: Pipeline, paused: boolean) => void}} Handlers
 */

/** @returns {HTMLTableRowElement[]} */
export function rows(/** @type {Pipeline} */ pipeline, /** @type {Handlers} */ handlers) {
  const cells = [
    select(pipeline, handlers),
    name(pipeline, handlers),
    element("td", { class: "state" }, stateBadge(pipeline)),
    service(pipeline, handlers),
    schedule(pipeline),
    lastRun(pipeline),
    element("td", {}, historyBars(pipeline.history)),
    config(pipeline),
    element("td", { class: "owners" }, pipeline.owners.join(", ")),
    links(pipeline),
  ];
  const problems = details(pipeline);
  const row = element("tr", { class: problems ? "has-problem" : null, "data-dag": pipeline.dag_id }, ...cells);
  if (!problems) return [row];
  return [row, element("tr", { class: "problems" }, element("td"), problems)];
}

function select(/** @type {Pipeline} */ { dag_id, name }, /** @type {Handlers} */ handlers) {
  const box = element("input", {
    type: "checkbox",
    "aria-label": `Select ${name}`,
    "data-focus": `select ${dag_id}`,
    onchange: () => handlers.select(dag_id, box.checked),
  });
  box.checked = handlers.isSelected(dag_id);
  return element("td", { class: "narrow" }, box);
}

function name(/** @type {Pipeline} */ pipeline, /** @type {Handlers} */ handlers) {
  const { dag_id, links, may, paused } = pipeline;
  const title = link(links.dag, { class: "name", "data-focus": `name ${dag_id}` }, pipeline.name);
  const text = element("span", {}, title, pipeline.name !== dag_id && element("code", { class: "quiet" }, dag_id));
  const toggle = element("button", {
    type: "button",
    class: "switch",
    role: "switch",
    "aria-checked": String(!paused),
    "aria-label": `${pipeline.name} is active`,
    title: may.edit === false ? "You may not pause this pipeline." : paused ? "Unpause" : "Pause",
    disabled: may.edit === false || paused === null,
    "data-focus": `switch ${dag_id}`,
    onclick: () => handlers.setPaused(pipeline, !paused),
  });
  return element("th", { scope: "row" }, element("span", { class: "named" }, toggle, text));
}

function service(/** @type {Pipeline} */ { dag_id, service, type }, /** @type {Handlers} */ handlers) {
  const kind = [type, service?.type].filter(Boolean).join(" · ");
  const name = service?.name;
  const only = name && element(
    "button",
    {
      type: "button",
      class: "only",
      title: "Show this service alone",
      "data-focus": `service ${dag_id}`,
      onclick: () => handlers.onlyService(name),
    },
    name,
  );
  return element("td", { class: "service" }, only, kind && element("span", { class: "quiet" }, kind));
}

function schedule(/** @type {Pipeline} */ { schedule, next_run, paused }) {
  const next = next_run && !paused && element("span", { class: "quiet" }, "next ", ago(next_run));
  return element("td", { class: "schedule" }, schedule ?? "", next);
}

function lastRun(/** @type {Pipeline} */ { last_run }) {
  if (!last_run) return element("td", {}, element("span", { class: "quiet" }, "never"));
  const when = element("span", { class: "when" }, runDisc(last_run.state), ago(last_run.start, last_run.state));
  const figures = [
    typeof last_run.records === "number" && element("span", {}, counted(last_run.records, "record")),
    !!last_run.errors && element("span", { class: "text-failed" }, counted(last_run.errors, "error")),
    !!last_run.warnings && element("span", { class: "text-warning" }, counted(last_run.warnings, "warning")),
    typeof last_run.seconds === "number" && element("span", {}, duration(last_run.seconds)),
  ].filter(Boolean);
  const separated = figures.flatMap((figure, place) => (place ? [" · ", figure] : [figure]));
  return element("td", { class: "last-run" }, when, element("span", { class: "quiet figures" }, ...separated));
}

function config(/** @type {Pipeline} */ { config }) {
  if (!config) return element("td");
  const version = config.version && element("code", { class: "quiet", title: config.version }, config.version.slice(0, 8));
  return element("td", { title: config.key }, ago(config.changed_at), version);
}

function links(/** @type {Pipeline} */ { dag_id, name, links }) {
  const shown = [
    links.log && link(links.log, label(`Log of ${name}`, `log ${dag_id}`), icon("file")),
    links.openmetadata && link(links.openmetadata, label(`${name} in OpenMetadata`, `om ${dag_id}`), icon("external")),
  ];
  return element("td", { class: "links" }, ...shown);
}

function label(/** @type {string} */ text, /** @type {string} */ focus) {
  return { class: "icon-button", "aria-label": text, title: text, "data-focus": focus };
}

/** @returns {HTMLTableCellElement | null} what is wrong with the config or was with the last run, null where nothing is */
function details(/** @type {Pipeline} */ pipeline) {
  const { problem, warnings, links, name } = pipeline;
  const failure = failureText(pipeline);
  if (!problem && !warnings.length && !failure) return null;
  const [first, ...others] = warnings;
  return element(
    "td",
    { colspan: 9 },
    problem && problemText(problem, "failed"),
    first && problemText(first, "warning"),
    others.length > 0 &&
      link(
        links.dag,
        { class: "quiet more", "aria-label": `${counted(others.length, "more warning")} of ${name}` },
        `and ${counted(others.length, "more warning")}`,
      ),
    failure,
  );
}
