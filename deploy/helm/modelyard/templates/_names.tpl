{{- define "modelyard.name" -}}
{{- if contains "modelyard" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-modelyard" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "modelyard.labels" -}}
{{ include "modelyard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "modelyard.selector" -}}
app.kubernetes.io/name: modelyard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "modelyard.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{/* What restricted pod security asks of a pod, and of its containers. */}}
{{- define "modelyard.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "modelyard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "modelyard.secretVariable" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}

{{/* With which nodes of the gateway log in at the control planes: of the operator's secret, or of the chart's own. */}}
{{- define "modelyard.gatewayKey" -}}
{{- $own := dict "name" "MODELYARD_GATEWAY_KEY" "secret" (printf "%s-gateway" (include "modelyard.name" .)) "key" "gateway-key" -}}
{{- with .Values.keys.gatewayKey }}{{ $_ := set (set $own "secret" $.Values.keys.existingSecret) "key" . }}{{ end -}}
{{- include "modelyard.secretVariable" $own -}}
{{- end }}

{{/* Where models are called: as the operator says, else the Service, by its name in the cluster. */}}
{{- define "modelyard.gatewayUrl" -}}
{{- with .Values.gateway -}}
{{- $scheme := ternary "https" "http" (ne .tlsSecret "") -}}
{{- $port := int (ternary .service.tlsPort .service.port (ne .tlsSecret "")) -}}
{{- $host := printf "%s-gateway.%s.svc" (include "modelyard.name" $) $.Release.Namespace -}}
{{- $named := eq $port (ternary 443 80 (eq $scheme "https")) | ternary $host (printf "%s:%d" $host $port) -}}
{{- .url | default (printf "%s://%s" $scheme $named) -}}
{{- end }}
{{- end }}

{{/* Variables that the control planes, MLflow and the migration have in common. */}}
{{- define "modelyard.variables" -}}
{{ include "modelyard.secretVariable" (dict "name" "MODELYARD_DATABASE_URL" "secret" .Values.database.existingSecret "key" .Values.database.urlKey) }}
{{ include "modelyard.secretVariable" (dict "name" "MODELYARD_MLFLOW_KEY" "secret" .Values.keys.existingSecret "key" .Values.keys.trackingKey) }}
- name: MODELYARD_ALLOWED_HOSTS
  value: {{ include "modelyard.hosts" . | quote }}
{{- if .Values.mlflow.enabled }}
- name: MODELYARD_MLFLOW_SERVICE_URL
  value: http://{{ include "modelyard.name" . }}-mlflow.{{ .Release.Namespace }}.svc:5000
{{ include "modelyard.secretVariable" (dict "name" "MODELYARD_MLFLOW_BACKEND_URI" "secret" .Values.database.existingSecret "key" .Values.database.mlflowUrlKey) }}
{{- else }}
- name: MLFLOW_TRACKING_URI
  value: {{ required "mlflow.trackingUri: expected the address of a tracking server when mlflow.enabled is false" .Values.mlflow.trackingUri | quote }}
{{- end }}
{{- with .Values.mlflow.artifactRoot }}
- name: MLFLOW_ARTIFACT_ROOT
  value: {{ . | quote }}
{{- end }}
{{- range $name, $value := omit .Values.settings "MODELYARD_ALLOWED_HOSTS" }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* Names by which the API and MLflow are called inside of the cluster, and from outside. */}}
{{- define "modelyard.hosts" -}}
{{- $name := include "modelyard.name" . -}}
{{- $hosts := list -}}
{{- range list $name (printf "%s-mlflow" $name) -}}
{{- $hosts = concat $hosts (list . (printf "%s.%s" . $.Release.Namespace) (printf "%s.%s.svc" . $.Release.Namespace) (printf "%s.%s.svc.cluster.local" . $.Release.Namespace)) -}}
{{- end -}}
{{- with .Values.ingress.host }}{{ $hosts = append $hosts . }}{{ end -}}
{{- with .Values.settings.MODELYARD_ALLOWED_HOSTS }}{{ $hosts = append $hosts . }}{{ end -}}
{{- join "," $hosts -}}
{{- end }}

{{- define "modelyard.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  labels: {{- include "modelyard.labels" .root | nindent 4 }}
  annotations: { helm.sh/resource-policy: keep }
spec:
  accessModes: {{ toJson .claim.accessModes }}
  {{- with .claim.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: { requests: { storage: {{ .claim.size }} } }
{{- end }}

{{/* The options of the runner: what values.yaml says of it, and what the chart knows. */}}
{{- define "modelyard.runner" -}}
{{- $known := dict "type" "kubernetes" "in_cluster" true "namespace" (first .Values.namespaces) -}}
{{- with .Values.registry.repository }}{{ $_ := set $known "repository" (printf "%s/runs" .) }}{{ end -}}
{{- if .Values.mlflow.enabled }}
{{- $_ := set $known "tracking_uri" (printf "http://%s-mlflow.%s.svc:5000" (include "modelyard.name" .) .Release.Namespace) -}}
{{- end -}}
{{- $runner := merge (deepCopy .Values.runner) $known -}}
{{- if not $runner.repository }}{{ fail "runner.repository: expected where images of runs are pushed to, or registry.repository" }}{{ end -}}
{{- if not (has $runner.namespace .Values.namespaces) }}{{ fail (printf "runner.namespace: expected one of namespaces, got %s" $runner.namespace) }}{{ end -}}
{{- toJson $runner -}}
{{- end }}
