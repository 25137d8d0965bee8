/** In what this Airflow and the OpenMetadata server differ, where that has been looked at. */

import { element } from "./elements.js";
import { icon } from "./icons.js";
import { ago, counted, number } from "./times.js";

/** @typedef {import("./server.js").Difference} Difference */

/** @returns {HTMLElement | null} null where it is unknown */
export function difference(/** @type {Difference | null} */ found) {
  if (!found) return null;
  const parts = differing(found);
  if (found.error) return failed(found.error, found.checked_at, parts);
  const checked = element("span", { class: "quiet" }, " checked ", ago(found.checked_at));
  if (!parts.length) {
    return element("p", { class: "difference" }, icon("check"), element("span", {}, "Same as the OpenMetadata server.", checked));
  }
  return warning("info", `${parts.join(", ")}. `, command("diff"), " lists them, ", element("code", {}, "sync"), " brings them.", checked);
}

/** @returns {HTMLElement} why the last check failed, and what the one before had found; not that both are the same */
function failed(/** @type {string} */ error, /** @type {string} */ when, /** @type {string[]} */ parts) {
  return warning(
    "alert",
    "The check against the OpenMetadata server failed ",
    ago(when),
    `: ${error.replace(/\.$/, "")}. `,
    parts.length > 0 && `The check before found: ${parts.join(", ")}. `,
    "Once this is put right, the next check shows it. ",
    command("diff"),
    " checks at once.",
  );
}

/** @returns {string[]} what differs, a part of a sentence each */
function differing(/** @type {Difference} */ { only_on_server, older_here, only_here }) {
  const parts = [];
  if (only_on_server) parts.push(`${counted(only_on_server, "pipeline")} of the OpenMetadata server missing here`);
  if (older_here) parts.push(`${number(older_here)} would be changed or marked as deployed by a deploy`);
  if (only_here) parts.push(`${number(only_here)} only here`);
  return parts;
}

const command = (/** @type {string} */ name) => element("code", {}, `openmetadata-dag-factory ${name}`);

function warning(/** @type {import("./icons.js").IconName} */ picture, /** @type {import("./elements.js").Child[]} */ ...said) {
  return element("p", { class: "difference is-warning" }, icon(picture), element("span", {}, ...said));
}
