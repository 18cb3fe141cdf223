// The console's own glyphs: one weight, 16 × 16, drawn in the text's colour.

const shapes = {
  alert: "M8 2.2 14.3 13H1.7L8 2.2ZM8 6.4v3M8 11.2v.1",
  arrowLeft: "M13 8H3M7 3.5 2.5 8 7 12.5",
  check: "m3 8.6 3.3 3.2L13 4.6",
  chevron: "m4 6 4 4 4-4",
  close: "m4 4 8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  download: "M8 2v8M4.7 7 8 10.3 11.3 7M2.5 13.5h11",
  down: "M8 3v10M4 9l4 4 4-4",
  live: "M1.5 8h2.8l1.9-5 3.4 10 1.9-5h3",
  lock: "M3.5 7.2h9v6.3h-9zM5.3 7V5a2.7 2.7 0 0 1 5.4 0v2",
  moon: "M13.2 9.6A5.8 5.8 0 0 1 6.4 2.8a5.7 5.7 0 1 0 6.8 6.8Z",
  pause: "M5.2 3v10M10.8 3v10",
  people: "M6 7.6a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.4c.3-2.4 2.1-3.8 4.5-3.8s4.2 1.4 4.5 3.8M10.6 2.8a2.4 2.4 0 0 1 0 4.6M12 9.9c1.5.6 2.3 1.8 2.5 3.5",
  person: "M8 7.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM2.8 13.6c.4-2.6 2.4-4 5.2-4s4.8 1.4 5.2 4",
  play: "M4.5 2.8v10.4L13 8 4.5 2.8Z",
  pipeline: "M1.5 8h3.2M11.3 8h3.2M4.7 4.5h6.6v7H4.7zM7 4.5v7",
  settings: "M2 4.8h6.4M12.2 4.8H14M8.4 4.8a1.9 1.9 0 1 0 3.8 0 1.9 1.9 0 1 0-3.8 0M2 11.2h1.8M7.6 11.2H14M3.8 11.2a1.9 1.9 0 1 0 3.8 0 1.9 1.9 0 1 0-3.8 0",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.3v1.4M8 13.3v1.4M1.3 8h1.4M13.3 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1",
  system: "M1.8 3h12.4v8H1.8zM5.5 13.5h5",
  up: "M8 13V3M4 7l4-4 4 4",
  usage: "M2 14h12M4 11.5V8M8 11.5v-9M12 11.5v-6",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" style={{ flex: "none" }}>
      <path d={shapes[name]} />
    </svg>
  );
}

/** The mark: a gauge whose needle stands where the traffic is. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="var(--accent)" strokeLinecap="round" aria-hidden="true" focusable="false" style={{ flex: "none" }}>
      <path d="M3.2 18a8.8 8.8 0 0 1 17.6 0" strokeWidth="4.6" strokeOpacity=".5" strokeDasharray="1.5 3.87" strokeLinecap="butt" />
      <path d="m12 18 4.4-7.4" strokeWidth="2.4" />
      <circle cx="12" cy="18" r="2.3" fill="var(--accent)" stroke="none" />
    </svg>
  );
}
