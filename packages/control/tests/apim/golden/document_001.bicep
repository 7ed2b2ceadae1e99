// Version sets, APIs and releases, exported by Modelyard.
targetScope = 'resourceGroup'

param location string = resourceGroup().location

@description('The name of the service.')
param serviceName string

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: serviceName
  location: location
  sku: {
    name: 'Consumption'
    capacity: 0
  }
  properties: {
    publisherName: 'Your Publisher Name'
    publisherEmail: 'publisher@email.com'
  }
}

output apiManagementServiceIp array = service.properties.publicIPAddresses

resource api_version_set 'Microsoft.ApiManagement/service/apiVersionSets@2024-05-01' = {
  parent: service
  name: 'api-version-set'
  properties: {
    displayName: 'ML Model Serving Versions'
    versioningScheme: 'Segment'
  }
}

resource ml_model_v1 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'ml-model-v1'
  properties: {
    displayName: 'ML Model Serving v1'
    path: 'ml-model'
    protocols: [
      'https'
    ]
    serviceUrl: 'http://backend-for-ml-model-v1'
    description: 'Version 1 of the ML Model Serving API'
    apiVersion: 'v1'
    apiVersionSetId: api_version_set.id
  }
}

resource ml_model_v1_ml_model_release_v1 'Microsoft.ApiManagement/service/apis/releases@2024-05-01' = {
  parent: ml_model_v1
  name: 'ml-model-release-v1'
  properties: {
    apiId: ml_model_v1.id
    notes: 'Initial Release of ML Model v1'
  }
}
