{{- define "gatemeter.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "gatemeter.labels" -}}
app.kubernetes.io/name: gatemeter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatemeter.secret" -}}
{{ .Values.existingSecret | default (include "gatemeter.name" .) }}
{{- end }}

{{- define "gatemeter.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "gatemeter.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- end }}
