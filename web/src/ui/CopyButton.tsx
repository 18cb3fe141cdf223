import { Button } from "@mantine/core";
import { useState } from "react";
import { Icon } from "./icons";

interface Props {
  label: string;
  /** Made when the button is pressed. */
  text: () => string;
}

/** Copies text, and says that it did. */
export function CopyButton({ label, text }: Props) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    const done = await writeClipboard(text());
    setSaid(done ? "Copied" : "Copying was refused");
    setTimeout(() => setSaid(""), 1600);
  };
  return (
    <Button variant="default" size="compact-sm" leftSection={<Icon name={said === "Copied" ? "check" : "copy"} size={14} />} onClick={() => void copy()}>
      <span aria-live="polite">{said || label}</span>
    </Button>
  );
}

// The clipboard API exists on https and localhost only; a console on a plain
// http address falls back to the old way.
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
