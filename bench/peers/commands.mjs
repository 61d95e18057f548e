// Commands of bench/contests.py, one a line: `enqueue 100 20` is 20 batches of 100. The reply is the seconds it took.
import { createInterface } from "node:readline";

export const content = { text: "x".repeat(1013) }; // 1,024 bytes of JSON

export async function serve(commands) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, batch, times] = line.split(" ");
    const started = performance.now();
    await commands[name](Number(batch), Number(times));
    console.log((performance.now() - started) / 1000);
  }
}
