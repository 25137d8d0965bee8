/** One pipeline, as the tab on its DAG's page: all that the list has of it, with a longer history. */

import { ACTIONS, confirmed } from "./actions.js";
import { failureText, historyBars, problemText, runBadge, stateBadge } from "./badges.js";
import { element, link } from "./elements.js";
import { keepingFocus } from "./focus.js";
import { icon } from "./icons.js";
import { noPipeline, refused } from "./notices.js";
import { keepFresh } from "./refresh.js";
import * as server from "./server.js";
import { placeholder } from "./table.js";
import { ago, duration, inFull, number, timeZone } from "./times.js";

export function showPipeline(/** @type {HTMLElement} */ page, /** @type {string} */ dagId) {
  page.replaceChildren(placeholder());
  ask();
  keepFresh(ask);

  async function ask() {
    try {
      const found = await server.pipeline(dagId);
      keepingFocus(page, () => page.replaceChildren(...parts(found, act)));
    } catch (error) {
      if (!(error instanceof server.Refused)) throw error;
      page.replaceChildren(error.status === 404 ? noPipeline(dagId) : refused(error, ask));
    }
  }

  async function act(/** @type {server.Action} */ action, /** @type {server.Pipeline} */ { dag_id, name }) {
    if (await confirmed(action, { words: `${name}.`, dagIds: [dag_id] })) await ask();
  }
}

/** @returns {Node[]} */
function parts(
  /** @type {server.Pipeline} */ pipeline,
  /** @type {(action: server.Action, pipeline: server.Pipeline) => void} */ act,
) {
  const { name, problem, warnings, history } = pipeline;
  const shown = [
    element(
      "header",
      {},
      element("h1", {}, name),
      stateBadge(pipeline),
      pipeline.paused && element("span", { class: "badge is-none" }, "Paused"),
      element("span", { class: "group" }, ...buttons(pipeline, act), ...ways(pipeline)),
    ),
    problem && section("What is wrong", problemText(problem, "failed")),
    warnings.length > 0 && section("Warnings", ...warnings.map((each) => problemText(each, "warning"))),
    lastRun(pipeline),
    element("div", { class: "columns" }, section("Pipeline", facts(pipeline)), section("Runs", historyBars(history), runs(pipeline))),
    element("p", { class: "quiet" }, `Times in ${timeZone()}`),
  ];
  return shown.filter((part) => part instanceof Node);
}

function section(/** @type {string} */ title, /** @type {import("./elements.js").Child[]} */ ...children) {
  return element("section", {}, element("h2", {}, title), ...children);
}

function buttons(
  /** @type {server.Pipeline} */ pipeline,
  /** @type {(action: server.Action, pipeline: server.Pipeline) => void} */ act,
) {
  /** @type {[server.Action, Parameters<typeof icon>[0], boolean][]} */
  const offered = [
    ["trigger", "play", true],
    ["retry", "retry", pipeline.last_run?.state === "failed"],
    ["pause", "pause", pipeline.paused === false],
    ["unpause", "check", pipeline.paused === true],
  ];
  return offered
    .filter(([, , isOffered]) => isOffered)
    .map(([action, picture]) => {
      const isAllowed = pipeline.may[ACTIONS[action].right] !== false;
      const attributes = {
        type: "button",
        disabled: !isAllowed,
        title: isAllowed ? null : "You may not do this with this pipeline.",
        "data-focus": action,
        onclick: () => act(action, pipeline),
      };
      return element("button", attributes, icon(picture), ACTIONS[action].verb);
    });
}

function ways(/** @type {server.Pipeline} */ { links }) {
  const log = links.log && link(links.log, { class: "button", "data-focus": "log" }, icon("file"), "Log");
  const there = { class: "button", "data-focus": "openmetadata" };
  return [log, links.openmetadata && link(links.openmetadata, there, icon("external"), "OpenMetadata")];
}

function lastRun(/** @type {server.Pipeline} */ pipeline) {
  const run = pipeline.last_run;
  if (!run) return section("Last run", element("p", { class: "quiet" }, "It has not run yet."));
  /** @type {[string, string, string][]} */
  const figures = [
    ["Records", number(run.records), ""],
    ["Warnings", number(run.warnings), run.warnings ? "text-warning" : ""],
    ["Errors", number(run.errors), run.errors ? "text-failed" : ""],
    ["Duration", duration(run.seconds), ""],
  ];
  const cards = figures.map(([label, value, kind]) =>
    element("div", { class: "card" }, element("dt", {}, label), element("dd", { class: kind }, value || "–")),
  );
  const started = element("div", { class: "card" }, element("dt", {}, "Started"), element("dd", {}, ago(run.start, "–")));
  const state = element("div", { class: "card" }, element("dt", {}, "Outcome"), element("dd", {}, runBadge(run.state)));
  return section("Last run", element("dl", { class: "cards" }, state, started, ...cards), failureText(pipeline));
}

function facts(/** @type {server.Pipeline} */ { dag_id, type, service, schedule, next_run, paused, config, owners }) {
  /** @type {[string, import("./elements.js").Child][]} */
  const lines = [
    ["DAG", element("code", {}, dag_id)],
    ["Type", type],
    ["Service", service && [service.name, service.type && `(${service.type})`].filter(Boolean).join(" ")],
    ["Schedule", schedule],
    ["Next run", paused ? "none, it is paused" : inFull(next_run)],
    ["Owners", owners.join(", ")],
    ["Config", config && element("code", {}, config.key)],
    ["Version", config?.version && element("code", {}, config.version)],
    ["Changed", inFull(config?.changed_at)],
  ];
  const known = lines.filter(([, value]) => value);
  return element("dl", { class: "facts" }, ...known.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]));
}

function runs(/** @type {server.Pipeline} */ { history, links }) {
  if (!history.length) return element("p", { class: "quiet" }, "No runs yet.");
  const lines = [...history].reverse().map(({ run_id, state, start }) => {
    const page = links.dag && `${links.dag}/runs/${encodeURIComponent(run_id)}`;
    return element(
      "tr",
      {},
      element("td", {}, runBadge(state)),
      element("td", {}, ago(start)),
      element("td", {}, link(page, { "data-focus": `run ${run_id}` }, run_id)),
    );
  });
  const head = ["State", "Started", "Run"].map((title) => element("th", { scope: "col" }, title));
  return element("table", { "aria-label": "Runs" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines));
}
