/** Which page of the list is shown, and the way to the others. */

import { element } from "./elements.js";
import { number } from "./times.js";

const SIZES = ["25", "50", "100"];

/**
 * @param {{total: number, pages: number, page: number, size: number, pipelines: unknown[]}} shown
 * @param {(changes: Record<string, string | null>) => void} choose
 * @returns {HTMLElement | null} null where one page shows all
 */
export function pager({ total, pages, page, size, pipelines }, choose) {
  if (total <= Number(SIZES[0]) && pages <= 1) return null;
  const last = Math.max(1, pages);
  const to = (/** @type {string} */ label, /** @type {string} */ text, /** @type {number} */ target) =>
    element(
      "button",
      {
        type: "button",
        "aria-label": label,
        title: label,
        disabled: target < 1 || target > last || target === page,
        "data-focus": `page ${label}`,
        onclick: () => choose({ page: target > 1 ? String(target) : null }),
      },
      text,
    );
  const sizes = element("select", {
    "data-focus": "size",
    onchange: () => choose({ size: sizes.value }),
  });
  const known = SIZES.includes(String(size)) ? SIZES : [...SIZES, String(size)];
  sizes.append(...known.map((each) => element("option", { value: each, selected: each === String(size) }, each)));
  // Where Airflow can't filter, pages have fewer rows than they could: then it is unknown which these are.
  const first = (page - 1) * size + 1;
  const isFull = pages === Math.ceil(total / size) && (page === pages || pipelines.length === size);
  const range = isFull ? `${number(first)}–${number(first + pipelines.length - 1)} of ` : "";
  return element(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    element("label", {}, "Rows per page ", sizes),
    element("span", { class: "range" }, `${range}${number(total)}`),
    to("First page", "«", 1),
    to("Previous page", "‹", page - 1),
    element("span", {}, `Page ${number(page)} of ${number(last)}`),
    to("Next page", "›", page + 1),
    to("Last page", "»", last),
  );
}
