// The conversation with bench/contests.py: a line a command, `enqueue 100 20`, and a line with the seconds it took.
import { createInterface } from "node:readline";

export const content = { text: "x".repeat(1013) }; // 1,024 octets of JSON

export async function answer(commands) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, batch, times] = line.split(" ");
    const started = performance.now();
    await commands[name](Number(batch), Number(times));
    console.log((performance.now() - started) / 1000);
  }
}
