"""Every kind of job that there is, gathered from the nouns."""

from modelyard.apim.kinds import PUSH
from modelyard.deletion.kinds import DELETION
from modelyard.deployments.kinds import DEPLOYMENT, UNDEPLOYMENT
from modelyard.images.kinds import IMAGE
from modelyard.mirror.kinds import IMPORT
from modelyard.training.kinds import ONE_CLICK, RETRAINING, TRAINING
from modelyard.uploads.kinds import REGISTRATION

JOB_KINDS = (TRAINING, ONE_CLICK, RETRAINING, DEPLOYMENT, REGISTRATION, DELETION, IMPORT, IMAGE, UNDEPLOYMENT, PUSH)
