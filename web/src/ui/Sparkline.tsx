interface Props {
  /** One number for each interval. */
  values: number[];
  label: string;
  width?: number;
  height?: number;
  /** Whether it takes the width of what it stands in. */
  stretched?: boolean;
}

/** The shape of a series without axes: an area under a line. */
export function Sparkline({ values, label, width = 112, height = 22, stretched }: Props) {
  const top = Math.max(...values, 1);
  const x = (i: number) => (values.length > 1 ? (i / (values.length - 1)) * width : width);
  const y = (v: number) => height - 1 - (v / top) * (height - 3);
  const line = values.map((v, i) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join(" L");
  return (
    <svg width={stretched ? "100%" : width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} preserveAspectRatio={stretched ? "none" : undefined} style={{ display: "block" }}>
      <path d={`M0 ${height} L${line} L${width} ${height} Z`} fill="var(--accent-soft)" />
      <path d={`M${line}`} fill="none" stroke="var(--accent)" strokeWidth="1.25" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
