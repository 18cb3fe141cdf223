import { createTheme, localStorageColorSchemeManager, type MantineColorsTuple } from "@mantine/core";

// Verdigris, the colour brass takes with time: the one accent of the console.
const verdigris: MantineColorsTuple = [
  "#e6f4f0", "#cfe8e1", "#a3d3c7", "#72bcab", "#46a592", "#25907d", "#147d6c", "#0f6f60", "#0b5c50", "#074a40",
];

// The component library's greys, in the console's own hue.
const gray: MantineColorsTuple = [
  "#f3f5f4", "#eaeeec", "#dfe5e2", "#d0d8d4", "#c3cdc8", "#94a29c", "#64736d", "#43524c", "#2b3833", "#14201c",
];
const dark: MantineColorsTuple = [
  "#e4ece8", "#c9d5cf", "#aab9b3", "#82928b", "#37463f", "#222e2a", "#18211f", "#121917", "#0f1614", "#0c1110",
];

export const theme = createTheme({
  primaryColor: "verdigris",
  primaryShade: { light: 7, dark: 6 },
  colors: { verdigris, gray, dark },
  fontFamily: "'IBM Plex Sans Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'IBM Plex Mono', ui-monospace, monospace",
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  defaultRadius: "6px",
  respectReducedMotion: true,
  cursorType: "pointer",
});

export const schemeKey = "gatemeter.theme";
export const schemeManager = localStorageColorSchemeManager({ key: schemeKey });
