/** The buttons that act on the selected pipelines, or on all that match the filters. */

import { ACTIONS } from "./actions.js";
import { element } from "./elements.js";
import { inWords, narrowing } from "./filters.js";
import { icon } from "./icons.js";
import { counted, number } from "./times.js";

/**
 * @typedef {import("./server.js").Pipeline} Pipeline
 * @typedef {import("./server.js").Action} Action
 * @typedef {import("./selection.js").Selection} Selection
 */

/** @type {[Action, "play" | "retry" | "pause" | "check", string][]} */
const BUTTONS = [
  ["trigger", "play", "Trigger"],
  ["retry", "retry", "Retry failed"],
  ["pause", "pause", "Pause"],
  ["unpause", "check", "Unpause"],
];
const MOST_NAMED = 5;
const LONGEST_NAME = 80;

/**
 * @param {{total: number, pipelines: Pipeline[]}} answer
 * @param {import("./filters.js").Filters} filters
 * @param {Selection} selection
 * @param {{act: (action: Action) => void, clear: () => void, selectAll: () => void}} handlers
 * @returns {HTMLElement}
 */
export function bulkBar(answer, filters, selection, handlers) {
  const { picked } = selection;
  const meant = picked.length ? picked : answer.pipelines;
  const buttons = BUTTONS.map(([action, picture, label]) => {
    // Those on other pages are not known here: what may not be done there is refused, and shown.
    const isAllowed = meant.some(({ may }) => may[ACTIONS[action].right] !== false);
    return element(
      "button",
      {
        type: "button",
        disabled: !isAllowed,
        title: isAllowed ? null : "You may not do this with any of these pipelines.",
        "data-focus": `bulk ${action}`,
        onclick: () => handlers.act(action),
      },
      icon(picture),
      label,
    );
  });
  const isPage = answer.pipelines.every(({ dag_id }) => selection.has(dag_id));
  const plain = (/** @type {string} */ text, /** @type {() => void} */ onclick) =>
    element("button", { type: "button", class: "plain", "data-focus": text, onclick }, text);
  return element(
    "div",
    { class: "bulk" },
    element("h2", {}, counted(answer.total, "pipeline")),
    element(
      "div",
      { class: "group", role: "group", "aria-label": "Actions" },
      element("span", { class: "quiet" }, scope(answer.total, filters, selection)),
      ...buttons,
      picked.length > 0 && isPage && picked.length < answer.total &&
        plain(`Select all ${number(answer.total)}${inWords(filters) && " that match"}`, handlers.selectAll),
      !selection.isEmpty && plain("Clear selection", handlers.clear),
    ),
  );
}

/**
 * By filter, a retry is for those alone whose last run failed: the others would only be refused.
 *
 * @returns {import("./actions.js").Target} the pipelines that an action is for, and their description
 */
export function target(
  /** @type {Action} */ action,
  /** @type {import("./filters.js").Filters} */ filters,
  /** @type {Selection} */ selection,
) {
  const { picked } = selection;
  if (!picked.length) {
    const meant = action === "retry" ? { last: "failed", ...narrowing(filters) } : narrowing(filters);
    const words = inWords(meant);
    const description = words ? `All that match now: ${words}.` : "All pipelines of this Airflow that you may see.";
    return { words: description, filter: meant };
  }
  const names = picked.map(({ name }) => inShort(name));
  const more = names.length - MOST_NAMED;
  const description = names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${number(more)} more` : "");
  return { words: `${description}.`, dagIds: picked.map(({ dag_id }) => dag_id) };
}

/** @returns {string} a name that changes neither the length nor the direction of the sentence around it */
function inShort(/** @type {string} */ name) {
  const letters = [...name];
  return `\u2068${letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME).join("")}…` : name}\u2069`;
}

/** @returns {string} which pipelines the buttons are for */
function scope(
  /** @type {number} */ total,
  /** @type {import("./filters.js").Filters} */ filters,
  /** @type {Selection} */ selection,
) {
  if (selection.picked.length) return `${number(selection.picked.length)} selected:`;
  const all = `All ${number(total)}${inWords(filters) && " that match"}`;
  return selection.isAll ? `${all} are selected:` : `${all}:`;
}
