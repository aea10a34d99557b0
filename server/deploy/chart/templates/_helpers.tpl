{{/* Names and labels, and the container that gateway and migration share. */}}
{{- define "ailyus.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "ailyus.selector" -}}
app.kubernetes.io/name: ailyus
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ailyus.labels" -}}
{{ include "ailyus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "ailyus.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ printf "%s@%s" .repository .digest }}{{- else -}}{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ailyus.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "ailyus.container" -}}
image: {{ include "ailyus.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- with .Values.credentialSecrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . | quote }}}
  {{- end }}
{{- end }}
env:
  - {name: AILYUS_SERVER__HOST, value: "0.0.0.0"}
  - {name: AILYUS_SERVER__PORT, value: "8420"}
  - {name: AILYUS_SERVER__HOSTS, value: {{ .Values.hosts | toJson | quote }}}
  - {name: AILYUS_SERVER__BASE_PATH, value: {{ .Values.basePath | quote }}}
  - {name: AILYUS_SERVER__TLS_TERMINATED_BY, value: {{ .Values.proxies | toJson | quote }}}
  - {name: AILYUS_SERVER__FORWARDED, value: {{ .Values.proxies | toJson | quote }}}
  - {name: AILYUS_SERVER__DRAIN, value: {{ printf "%ds" (int .Values.drainSeconds) | quote }}}
  - {name: AILYUS_STORE__URL, value: "file:/var/run/ailyus/store-url"}
  {{- if .Values.metrics.enabled }}
  {{- if not .Values.metrics.scrapers }}
  {{- fail "metrics.enabled needs metrics.scrapers: the networks of Prometheus" }}
  {{- end }}
  - {name: AILYUS_METRICS__HOST, value: "0.0.0.0"}
  - {name: AILYUS_METRICS__PORT, value: {{ .Values.metrics.port | quote }}}
  - {name: AILYUS_METRICS__TLS_TERMINATED_BY, value: {{ .Values.metrics.scrapers | toJson | quote }}}
  {{- end }}
  {{- range $name, $value := .Values.settings }}
  - {name: {{ $name | quote }}, value: {{ $value | quote }}}
  {{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - {name: private, mountPath: /workspace/.ailyus}
  - {name: keys, mountPath: /var/run/ailyus, readOnly: true}
  - {name: temporary, mountPath: /tmp}
{{- end -}}

{{/* Kubernetes gives the files of a Secret to a group too, and the gateway refuses a key that others can read. */}}
{{- define "ailyus.keys" -}}
- name: keys
  image: {{ include "ailyus.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [install, "--mode=0400", /var/run/ailyus/log.pem, /var/run/ailyus/store.secrets, /workspace/.ailyus/]
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
    - {name: private, mountPath: /workspace/.ailyus}
    - {name: keys, mountPath: /var/run/ailyus, readOnly: true}
{{- end -}}

{{- define "ailyus.volumes" -}}
- name: private
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: temporary
  emptyDir: {sizeLimit: 256Mi}
- name: keys
  secret: {secretName: {{ .Values.keysSecret | quote }}, defaultMode: 0440}
{{- end -}}
