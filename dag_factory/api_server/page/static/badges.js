/** The small coloured pieces of a pipeline: its state, its runs, its problem. The same in the list and on the tab. */

import { element, link } from "./elements.js";
import { icon } from "./icons.js";
import { counted, exact } from "./times.js";

/** @typedef {import("./server.js").Pipeline} Pipeline */

const STATES = {
  good: { label: "Good", kind: "success", title: "Its config is valid and runs." },
  last_good: { label: "Last good", kind: "warning", title: "Its config is broken: the last good version of it runs." },
  broken: { label: "Broken", kind: "failed", title: "Its config is broken, and no good version of it is known." },
};

/** @type {Record<string, import("./icons.js").IconName>} */
const ICONS_OF_RUNS = { success: "check", failed: "cross", running: "running", queued: "waiting" };

/** @returns {HTMLElement} the state of a pipeline's config */
export function stateBadge(/** @type {Pipeline} */ { state }) {
  const { label, kind, title } = STATES[state] ?? { label: state, kind: "none", title: "" };
  return element("span", { class: `badge is-${kind}`, title }, label);
}

/** @returns {HTMLElement} the state of a run, as Airflow's UI shows it */
export function runBadge(/** @type {string} */ state) {
  return element("span", { class: `badge solid ${runClass(state)}` }, icon(ICONS_OF_RUNS[state] ?? "waiting"), state);
}

/** @returns {HTMLElement} the state of a run as a disc, where there is no room for the word */
export function runDisc(/** @type {string} */ state) {
  const picture = icon(ICONS_OF_RUNS[state] ?? "waiting");
  return element("span", { class: `disc ${runClass(state)}`, role: "img", "aria-label": state, title: state }, picture);
}

/** @returns {HTMLElement | null} the last runs as bars, the newest at the right; null where none ran */
export function historyBars(/** @type {Pipeline["history"]} */ runs) {
  if (!runs.length) return null;
  const bars = runs.map(({ state, start }) => {
    const when = start ? ` · ${exact(new Date(start))}` : "";
    return element("span", { class: `bar ${runClass(state)}`, title: `${state}${when}` });
  });
  return element("span", { class: "bars", role: "img", "aria-label": summary(runs) }, ...bars);
}

/**
 * @param {import("./server.js").Problem} problem
 * @param {"failed" | "warning"} kind
 * @returns {HTMLElement} what is wrong, and where: file, line, column and field
 */
export function problemText(problem, kind) {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== null && part !== undefined);
  return element(
    "span",
    { class: `problem is-${kind}` },
    icon("alert"),
    element(
      "span",
      {},
      place.length > 0 && element("code", { class: "place" }, place.join(":")),
      place.length > 0 && " ",
      problem.field && element("code", { class: "field" }, problem.field),
      problem.field && " ",
      problem.text,
    ),
  );
}

/** @returns {HTMLElement | null} why the last run failed, with its log; null where that is unknown, or the config's fault */
export function failureText(/** @type {Pipeline} */ { state, last_run, links }) {
  if (!last_run?.reason || state === "broken") return null;
  const log = links.log && link(links.log, { "data-focus": `reason ${links.log}` }, "Log");
  return element(
    "span",
    { class: "problem is-failed" },
    icon("cross"),
    element("span", {}, element("strong", {}, "Last run failed:"), ` ${last_run.reason} `, log),
  );
}

function runClass(/** @type {string} */ state) {
  // A class is made of words that we know alone: the state comes from a server.
  return `run-${["success", "failed", "running", "queued"].includes(state) ? state : "none"}`;
}

function summary(/** @type {Pipeline["history"]} */ runs) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
  return `Last ${counted(runs.length, "run")}: ${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}`;
}
