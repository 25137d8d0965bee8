/** Small pictures, drawn as outlines in the colour of the text beside them. */

const SHAPES = {
  alert: "M12 3 2 21h20L12 3Z M12 10v5 M12 18v.01",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12 M18 6 6 18",
  external: "M14 4h6v6 M20 4l-9 9 M18 14v6H4V6h6",
  file: "M6 2h8l4 4v16H6V2Z M14 2v4h4 M9 12h6 M9 16h6",
  info: "M12 3a9 9 0 1 0 .01 0Z M12 11v6 M12 7v.01",
  pause: "M8 5v14 M16 5v14",
  play: "M7 4.5v15L19 12 7 4.5Z",
  refresh: "M20 11A8 8 0 0 0 6 6L4 8 M4 3v5h5 M4 13a8 8 0 0 0 14 5l2-2 M20 21v-5h-5",
  retry: "M4 12a8 8 0 1 0 3-6.2L4 8 M4 3v5h5",
  running: "M12 3a9 9 0 1 1-9 9",
  search: "M11 4a7 7 0 1 0 .01 0Z M16 16l5 5",
  waiting: "M12 3a9 9 0 1 0 .01 0Z M12 7v5l3 2",
};

/** @typedef {keyof typeof SHAPES} IconName */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {IconName} name
 * @returns {SVGSVGElement} a picture that is hidden from those who hear the page: the text beside it says the same
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}
