// What the console's page takes of others: `make vendor` bundles it to functions/console/page/vendor.js.
import htm from "htm";
import { h, render } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

const html = htm.bind(h);

export { html, render, useEffect, useId, useLayoutEffect, useMemo, useRef, useState };
