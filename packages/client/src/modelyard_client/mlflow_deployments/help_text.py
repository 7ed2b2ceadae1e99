"""What `mlflow deployments help -t modelyard` shows."""

HELP = """\
-t modelyard is the control plane of MODELYARD_URL (with MODELYARD_TOKEN), else the local stack's (modelyard up).
-t modelyard:/https://modelyard.example.com is another one.

Names: a deployment is named by its model: churn, or team-a/churn in the namespace team-a. Where a model has several
deployments in a namespace, each is named by its id.

Model URIs: models:/churn/3, models:/churn@production and models:/churn/latest are versions; runs:/<run>/<name> and
models:/m-… become the next version of the model. They are those of Modelyard unless MLFLOW_TRACKING_URI names another
tracker; from there, and from folders and stores, the model is downloaded and uploaded. --flavor is refused: Modelyard
chooses the fastest runtime that gives equal predictions, and shows it as the flavor.

create, run-local  -C replicas=2 -C target=docker -C namespace=team-a -C cpu=0.5 -C memory_mb=512 -C gpus=1
                   -C min_replicas=1 -C max_replicas=4 -C cpu_percent=80
update             --model-uri URI, -C replicas=3, -C max_replicas=4 (and min_replicas, cpu_percent); no request is lost
these and delete   -C wait=false returns at once; -C wait_seconds=60

Endpoints are APIs of the gateway: a path that stays while what answers behind it changes by releases.
create-endpoint    -C model=churn (with -C version=3 or -C stage=production), or -C deployment=ID: what answers;
                   -C path=ml/churn -C display_name=Churn -C open=true (no subscription is needed)
update-endpoint    the same without path
create, update     --endpoint E: the deployment answers at E from then on, by a release
predict            --endpoint E: with the subscription key of MODELYARD_SUBSCRIPTION_KEY, if it is set
"""
