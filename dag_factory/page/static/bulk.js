/** The buttons that act on the selected pipelines, or on all that match the filters. */

import { ACTIONS } from "./actions.js";
import { element } from "./elements.js";
import { inWords, narrowing } from "./filters.js";
import { icon } from "./icons.js";
import { counted, number } from "./times.js";

/**
 * @typedef {import("./server.js").Pipeline} Pipeline
 * @typedef {import("./server.js").Action} Action
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
 * @param {Map<string, Pipeline>} selection
 * @param {{act: (action: Action) => void, clear: () => void}} handlers
 * @returns {HTMLElement}
 */
export function bulkBar(answer, filters, selection, handlers) {
  const meant = selection.size ? [...selection.values()] : answer.pipelines;
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
  const clear = element("button", { type: "button", class: "plain", onclick: handlers.clear }, "Clear selection");
  return element(
    "div",
    { class: "bulk" },
    element("h2", {}, counted(answer.total, "pipeline")),
    element(
      "div",
      { class: "group", role: "group", "aria-label": "Actions" },
      element("span", { class: "quiet" }, selection.size ? `${number(selection.size)} selected:` : scope(filters)),
      ...buttons,
      selection.size > 0 && clear,
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
  /** @type {Map<string, Pipeline>} */ selection,
) {
  if (!selection.size) {
    const meant = action === "retry" ? { last: "failed", ...narrowing(filters) } : narrowing(filters);
    const words = inWords(meant);
    const description = words ? `All that match now: ${words}.` : "All pipelines of this Airflow that you may see.";
    return { words: description, filter: meant };
  }
  const names = [...selection.values()].map(({ name }) => inShort(name));
  const more = names.length - MOST_NAMED;
  const description = names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${number(more)} more` : "");
  return { words: `${description}.`, dagIds: [...selection.keys()] };
}

/** @returns {string} a name that changes neither the length nor the direction of the sentence around it */
function inShort(/** @type {string} */ name) {
  const letters = [...name];
  return `\u2068${letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME).join("")}…` : name}\u2069`;
}

const scope = (/** @type {import("./filters.js").Filters} */ filters) => (inWords(filters) ? "All that match:" : "All of them:");
