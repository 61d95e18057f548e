// What the console's page takes of others: `make vendor` bundles it to functions/console/page/vendor.js.
import htm from "htm";
import { createContext, Fragment, h, render } from "preact";
import {
  useCallback,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";

const html = htm.bind(h);

export {
  createContext,
  Fragment,
  h,
  html,
  render,
  useCallback,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
};
